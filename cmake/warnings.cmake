# What our own files are compiled with; never exported.
add_library(openset_warnings INTERFACE)
target_compile_options(openset_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  # GCC 12 sees overflows in std::vector that are not there (GCC bug 105329 and its kin).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<BOOL:${OPENSET_WERROR}>:-Werror>)
