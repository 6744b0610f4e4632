// Checks that record a failure and go on. A test program defines tests(); main.cpp runs it.
//
// Test files may be compiled for an instruction set that the machine lacks, which main.cpp finds
// out first: so tests don't register themselves before main.
#pragma once

namespace check {

void tests();

// Counts a check, prints it when it failed. `context` is what context() set last.
void record(bool ok, const char* file, int line, const char* what);
void record_near(long double got, long double expected, long double tolerance, const char* file,
                 int line, const char* what);
// Describes the case that the following checks belong to; the text is copied.
void context(const char* format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;

}  // namespace check

#define CHECK(...) check::record((__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)

// |got - expected| <= tolerance; equal infinities and two NaNs agree.
#define CHECK_NEAR(got, expected, tolerance) \
  check::record_near((got), (expected), (tolerance), __FILE__, __LINE__, #got)

#define CHECK_THROWS(Exception, expression)                                                 \
  do {                                                                                      \
    bool thrown = false;                                                                    \
    try {                                                                                   \
      (void)(expression);                                                                   \
    } catch (const Exception&) {                                                            \
      thrown = true;                                                                        \
    }                                                                                       \
    check::record(thrown, __FILE__, __LINE__, "expected " #Exception " from " #expression); \
  } while (false)
