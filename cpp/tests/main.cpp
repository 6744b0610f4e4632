// Runs one test program and prints its counts. Exit codes: 0 passed, 1 failed, 77 skipped because
// the machine lacks the instruction set the tests were compiled for.
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <exception>

#include "check.hpp"

namespace check {

namespace {

constexpr int printed_failures = 10;
long passed = 0, failed = 0;
char current[256] = "";

void report(const char* file, int line, const char* what) {
  if (++failed > printed_failures) return;
  std::printf("%s:%d: failed: %s [%s]\n", file, line, what, current);
}

}  // namespace

void record(bool ok, const char* file, int line, const char* what) {
  if (ok) {
    ++passed;
  } else {
    report(file, line, what);
  }
}

void record_near(long double got, long double expected, long double tolerance, const char* file,
                 int line, const char* what) {
  const bool ok = got == expected || std::fabs(got - expected) <= tolerance ||
                  (std::isnan(got) && std::isnan(expected));
  if (ok) {
    ++passed;
    return;
  }
  char text[256];
  std::snprintf(text, sizeof text, "%s is %.20Lg, expected %.20Lg within %.3Lg", what, got,
                expected, tolerance);
  report(file, line, text);
}

void context(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(current, sizeof current, format, arguments);
  va_end(arguments);
}

}  // namespace check

int main() {
#if defined(TEST_NEEDS_AVX512)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw")) {
    std::puts("skipped: no AVX-512 here");
    return 77;
  }
#elif defined(TEST_NEEDS_AVX2)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::puts("skipped: no AVX2 and FMA here");
    return 77;
  }
#endif
  try {
    check::tests();
  } catch (const std::exception& error) {
    std::printf("stopped by an exception: %s [%s]\n", error.what(), check::current);
    ++check::failed;
  }
  std::printf("%ld passed, %ld failed\n", check::passed, check::failed);
  return check::failed == 0 ? 0 : 1;
}
