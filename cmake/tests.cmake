# Test programs, all doctest, all known to CTest:
#   tests/unit/<floor>/*_test.cpp -> unit_<floor>        tests/integration -> integration_tests
#   tests/e2e -> e2e_tests                               tests/simulation  -> simulation_tests
#   tests/conformance -> conformance_tests, against fairlead-echo
#   fuzz/<name>_fuzz.cpp with fuzz/replay.cpp -> corpus_<name>
#   tests/allocations -> allocation_tests, with the rig of bench/allocations
# tests/unit/main.cpp is their main(), unless tests/simulation/main.cpp brings its own.

find_package(doctest REQUIRED)

add_library(test_main OBJECT tests/unit/main.cpp)
target_link_libraries(test_main PRIVATE doctest::doctest fairlead_warnings)

# What tests share: builders, fakes, clients.
file(GLOB_RECURSE support CONFIGURE_DEPENDS tests/support/*.cpp)
if(support)
  add_library(test_support STATIC ${support})
  target_include_directories(test_support PUBLIC ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(
    test_support
    PUBLIC fairlead_hub fairlead_store doctest::doctest
    PRIVATE PkgConfig::PQ fairlead_warnings)
  target_compile_definitions(
    test_support PRIVATE FAIRLEAD_BINARY="${CMAKE_BINARY_DIR}/fairlead"
                         FAIRLEAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  fairlead_precompile(test_support test)
else()
  add_library(test_support INTERFACE)
  target_include_directories(test_support INTERFACE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(test_support INTERFACE fairlead_hub fairlead_store)
endif()

# fairlead_test(<name> GLOB <pattern>… LINKS <target>… [OWN_MAIN] [ALONE] [TIMEOUT <s>])
function(fairlead_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OWN_MAIN;ALONE" "TIMEOUT" "GLOB;LINKS")
  set(main test_main)
  if(arg_OWN_MAIN)
    set(main)
  endif()
  fairlead_executable(${name} GLOB ${arg_GLOB} LINKS ${arg_LINKS} ${main} doctest::doctest PCH test
                      MADE made)
  if(NOT made)
    return()
  endif()
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(
    ${name} PRIVATE FAIRLEAD_BINARY="${CMAKE_BINARY_DIR}/fairlead"
                    FAIRLEAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name} --no-colors=true)
  set(timeout 300)
  if(arg_TIMEOUT)
    set(timeout ${arg_TIMEOUT})
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout})
  if(arg_ALONE)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# fairlead_test_again(<name> OF <program> ENVIRONMENT <variable=value> [ARGUMENTS <argument>…])
# The same program under another name, for which CTest sets a variable.
function(fairlead_test_again name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OF;ENVIRONMENT" "ARGUMENTS")
  if(NOT TARGET ${arg_OF})
    return()
  endif()
  add_custom_target(
    ${name} ALL
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${arg_OF} ${name}
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    DEPENDS ${arg_OF}
    VERBATIM)
  add_test(NAME ${name} COMMAND ${CMAKE_BINARY_DIR}/${name} --no-colors=true ${arg_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 ENVIRONMENT ${arg_ENVIRONMENT})
endfunction()

foreach(floor IN ITEMS base bus protocol)
  fairlead_test(unit_${floor} GLOB tests/unit/${floor}/*_test.cpp LINKS fairlead_${floor})
endforeach()
foreach(floor IN ITEMS net auth devices telemetry commands hub http store app)
  fairlead_test(unit_${floor} GLOB tests/unit/${floor}/*_test.cpp
                LINKS test_support fairlead_${floor} fairlead_store)
endforeach()

file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzz_targets)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  fairlead_test(corpus_${name} GLOB ${source} fuzz/replay.cpp LINKS fairlead_http fairlead_store)
  target_compile_definitions(corpus_${name} PRIVATE FAIRLEAD_CORPUS="${name}")
endforeach()

set(whole test_support fairlead_app)
fairlead_test(integration_tests GLOB tests/integration/*_test.cpp LINKS ${whole})
# The hub takes io_uring where it can and these tests of the network do not: here it is the reverse.
fairlead_test_again(unit_net_uring OF unit_net ENVIRONMENT FAIRLEAD_TEST_IO=uring)
fairlead_test_again(
  integration_epoll OF integration_tests ENVIRONMENT FAIRLEAD_RUNTIME__IO=epoll ARGUMENTS
  --source-file=*messages_test*,*subscriptions_test*,*drain_test*)
# Its malloc is replaced, which a sanitizer does itself.
if(NOT FAIRLEAD_SANITIZE)
  fairlead_test(
    allocation_tests
    GLOB
    tests/allocations/*_test.cpp
    bench/allocations/heap_ledger.cpp
    bench/allocations/measurement.cpp
    bench/allocations/rig.cpp
    bench/messages.cpp
    LINKS
    fairlead_app)
endif()
fairlead_test(e2e_tests GLOB tests/e2e/*_test.cpp LINKS ${whole} ALONE TIMEOUT 900)
fairlead_test(conformance_tests GLOB tests/conformance/*.cpp LINKS test_support fairlead_net
              TIMEOUT 600)
add_dependencies(conformance_tests fairlead-echo)
set(own_main)
if(EXISTS ${CMAKE_SOURCE_DIR}/tests/simulation/main.cpp)
  set(own_main OWN_MAIN)
endif()
fairlead_test(simulation_tests GLOB tests/simulation/*.cpp LINKS ${whole} ${own_main} TIMEOUT 900)

# They start the real program.
foreach(test IN ITEMS integration_tests e2e_tests)
  if(TARGET ${test} AND TARGET fairlead)
    add_dependencies(${test} fairlead)
  endif()
endforeach()
