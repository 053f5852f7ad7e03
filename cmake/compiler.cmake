# How our own code is compiled. Third-party headers come as SYSTEM and are not held to it.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Debug CACHE STRING "Debug or Release" FORCE)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")

# Level 2 of x86-64 is every server since 2009. Empty: the compiler's own default.
set(march_default "")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(march_default "x86-64-v2")
endif()
set(FAIRLEAD_MARCH "${march_default}" CACHE STRING "Passed to -march=")
if(FAIRLEAD_MARCH)
  add_compile_options(-march=${FAIRLEAD_MARCH})
endif()

# Everywhere alike, because a precompiled header fits only where such flags are the same.
add_compile_options(-pthread -fno-omit-frame-pointer)
add_link_options(-pthread)

if(FAIRLEAD_SANITIZE)
  add_compile_options(-fsanitize=${FAIRLEAD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FAIRLEAD_SANITIZE})
endif()

if(FAIRLEAD_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-flto=auto -fno-fat-lto-objects)
  add_link_options(-flto=auto)
  set(CMAKE_AR gcc-ar)
  set(CMAKE_RANLIB gcc-ranlib)
endif()

find_program(FAIRLEAD_MOLD mold)
if(FAIRLEAD_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(FAIRLEAD_CCACHE ccache)
if(FAIRLEAD_CCACHE)
  # Without these ccache refuses every file that uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${FAIRLEAD_CCACHE})
  if(FAIRLEAD_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  elseif(FAIRLEAD_PCH)
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

add_library(fairlead_warnings INTERFACE)
target_compile_options(fairlead_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                                   -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Guesses of g++ 12's optimiser that fire inside sound std::string, std::optional and std::expected
  # (GCC PR 105329, 105651, 105562). clang and the sanitizers look for the same faults.
  target_compile_options(
    fairlead_warnings
    INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
              -Wno-free-nonheap-object -Wno-maybe-uninitialized)
  if(FAIRLEAD_SANITIZE MATCHES "thread")
    # Asio's fences, which g++'s ThreadSanitizer does not follow; what they guard is Asio's own.
    target_compile_options(fairlead_warnings INTERFACE -Wno-tsan)
  endif()
endif()
