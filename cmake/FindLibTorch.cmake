# Finds LibTorch and makes one target, LibTorch::LibTorch, without the flags, definitions and link lines that TorchConfig.cmake
# leaks, and without mixing up two installations (TorchConfig.cmake of pip's package finds Debian's libc10.so first).
#
#   OPENSET_TORCH   apt      Debian's libtorch-dev
#                   pip      what scripts/setup unpacked under .deps/
#                   /prefix  any folder with include/ and lib/

if(NOT OPENSET_TORCH OR OPENSET_TORCH STREQUAL "apt")
  set(_prefix /usr)
elseif(OPENSET_TORCH STREQUAL "pip")
  set(_prefix "${PROJECT_SOURCE_DIR}/.deps/torch-2.13.0/torch")
else()
  set(_prefix "${OPENSET_TORCH}")
endif()

set(OPENSET_TORCH_PREFIX "${_prefix}")

# The cache must not keep what another OPENSET_TORCH found.
if(NOT LibTorch_PREFIX STREQUAL _prefix)
  foreach(_entry LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR LibTorch_C10 LibTorch_CPU LibTorch_CUDA)
    unset(${_entry} CACHE)
  endforeach()
  set(LibTorch_PREFIX "${_prefix}" CACHE INTERNAL "where the other LibTorch_ entries were found")
endif()

find_path(LibTorch_INCLUDE_DIR torch/script.h HINTS "${_prefix}/include" NO_DEFAULT_PATH)
find_path(LibTorch_API_INCLUDE_DIR torch/version.h
  HINTS "${_prefix}/include/torch/csrc/api/include" NO_DEFAULT_PATH)
set(_libraries "${_prefix}/lib" "${_prefix}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
find_library(LibTorch_C10 c10 HINTS ${_libraries} NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu HINTS ${_libraries} NO_DEFAULT_PATH)
find_library(LibTorch_CUDA torch_cuda HINTS ${_libraries} NO_DEFAULT_PATH)

if(LibTorch_API_INCLUDE_DIR)
  file(STRINGS "${LibTorch_API_INCLUDE_DIR}/torch/version.h" _version REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  list(TRANSFORM _version REPLACE "[^0-9]" "")
  list(JOIN _version "." LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "OPENSET_TORCH=${OPENSET_TORCH}: nothing under ${_prefix} (scripts/setup installs it)")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  find_package(Threads REQUIRED)
  foreach(_library C10 CPU)
    add_library(LibTorch::${_library} SHARED IMPORTED)
    set_target_properties(LibTorch::${_library} PROPERTIES IMPORTED_LOCATION "${LibTorch_${_library}}")
  endforeach()
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE "${LibTorch_INCLUDE_DIR}" "${LibTorch_API_INCLUDE_DIR}")
  target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::CPU LibTorch::C10 Threads::Threads)
  if(LibTorch_CUDA)
    # The CUDA kernels register themselves when the library is loaded; no symbol of ours asks for it.
    target_link_options(LibTorch::LibTorch INTERFACE "LINKER:--push-state,--no-as-needed" "${LibTorch_CUDA}" "LINKER:--pop-state")
  endif()
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR LibTorch_C10 LibTorch_CPU LibTorch_CUDA)
