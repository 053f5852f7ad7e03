# bench/*.cpp -> fairlead-bench, bench/floor/<name>.cpp -> floor-<name>, bench/micro/*.cpp ->
# bench_micro, bench/allocations/*.cpp -> bench-allocations. Target `benches` makes all of them, and the hub they measure.

add_custom_target(benches)
if(TARGET fairlead)
  add_dependencies(benches fairlead)
endif()

fairlead_executable(fairlead-bench GLOB bench/*.cpp LINKS fairlead_app PCH std MADE made)
if(made)
  target_compile_definitions(
    fairlead-bench PRIVATE FAIRLEAD_BUILD_DIR="${CMAKE_BINARY_DIR}"
                           FAIRLEAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_dependencies(benches fairlead-bench)
endif()

# A floor is what the machine does without us, so it shares no code with the hub but base and net.
file(GLOB floors CONFIGURE_DEPENDS bench/floor/*.cpp)
foreach(source IN LISTS floors)
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE "_" "-" name ${name})
  fairlead_executable(floor-${name} GLOB ${source} LINKS fairlead_base fairlead_net
                      SQLite::SQLite3)
  add_dependencies(benches floor-${name})
endforeach()

file(GLOB micro CONFIGURE_DEPENDS bench/micro/*.cpp)
if(micro)
  find_package(benchmark REQUIRED)
  fairlead_executable(bench_micro GLOB bench/micro/*.cpp LINKS fairlead_app
                      benchmark::benchmark benchmark::benchmark_main PCH std)
  add_dependencies(benches bench_micro)
endif()

# bench/compare/<name>.cpp -> compare-<name>: servers on other libraries, for ./dev bench --compare
# only. No other target needs them.
add_custom_target(compare)
file(GLOB compared CONFIGURE_DEPENDS bench/compare/*.cpp)
foreach(source IN LISTS compared)
  get_filename_component(name ${source} NAME_WE)
  fairlead_executable(compare-${name} GLOB ${source})
  set_target_properties(compare-${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  add_dependencies(compare compare-${name})
endforeach()
if(TARGET compare-beast)
  target_link_libraries(compare-beast PRIVATE Boost::headers)
endif()
if(TARGET compare-libwebsockets)
  target_link_libraries(compare-libwebsockets PRIVATE websockets)
endif()

# Its malloc is replaced. The hub's stepping tests lend it their clock.
fairlead_executable(bench-allocations GLOB bench/allocations/*.cpp SOURCES bench/messages.cpp
                    LINKS fairlead_app PCH std MADE made)
if(made)
  target_include_directories(bench-allocations PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  add_dependencies(benches bench-allocations)
endif()
