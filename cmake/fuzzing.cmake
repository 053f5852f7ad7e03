# fuzz/<name>_fuzz.cpp -> an executable <name>_fuzz each (libFuzzer, preset `fuzz`).

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "Fuzzing needs clang: cmake --preset fuzz")
endif()
file(GLOB targets CONFIGURE_DEPENDS fuzz/*_fuzz.cpp)
add_custom_target(fuzzers)
foreach(source IN LISTS targets)
  get_filename_component(name ${source} NAME_WE)
  fairlead_executable(${name} GLOB ${source} LINKS fairlead_http fairlead_store)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address)
  add_dependencies(fuzzers ${name})
endforeach()
