// Instruction sets: the choice at start, by name, and what every engine's table offers.
#include <cmath>
#include <cstdlib>
#include <string>

#include "check.hpp"
#include "engine/engine.hpp"

namespace symkernel {

namespace {

bool available(const std::string& name) {
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    if (name == *isa) return true;
  }
  return false;
}

// SYMKERNEL_ISA decides where it names a usable one, else the best: CMakeLists.txt sets it.
void test_first_choice() {
  const char* forced = std::getenv("SYMKERNEL_ISA");
  const std::string name = forced != nullptr ? forced : "";
  check::context("SYMKERNEL_ISA=%s", name.c_str());
  CHECK(available("baseline"));
  CHECK(current_isa() == (available(name) ? name : std::string(available_isas()[0])));
}

void test_isa_names() {
  check::context("instruction sets");
  const std::string before = current_isa();
  CHECK(!select_isa("pdp11"));
  CHECK(!select_isa(""));
  CHECK(before == current_isa());
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    CHECK(std::string(*isa) == current_isa());
    CHECK(std::string(engine<double>().isa) == *isa);
    CHECK(std::string(engine<float>().isa) == *isa);
  }
  CHECK(select_isa(before.c_str()));
}

// The probes measure; here they only have to come back with work done.
void test_probes() {
  check::context("probes");
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    double operations = 0;
    CHECK(std::isfinite(engine<double>().multiply_add_probe(100, operations)));
    CHECK(operations >= 100);
    CHECK(std::isfinite(engine<float>().exp_probe(10, operations)));
    CHECK(operations >= 10);
  }
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_first_choice();  // before anything selects
  test_isa_names();
  test_probes();
}
