# What our own files are compiled with; never exported.
add_library(openset_warnings INTERFACE)
target_compile_options(openset_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough
  $<$<BOOL:${OPENSET_WERROR}>:-Werror>)
