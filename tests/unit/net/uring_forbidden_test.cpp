// What a container does that forbids io_uring, done to a child of the test.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <string>

#include "net/senders.h"

using namespace fairlead::net;

namespace {

/// From now on io_uring_setup fails with EPERM, for good.
bool forbid_io_uring() {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Whether `holds` does, in a process of its own.
bool holds_in_child(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(holds() ? 0 : 1);
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a sandbox that forbids io_uring is noticed, named and lived with") {
  CHECK(holds_in_child([] {
    if (!forbid_io_uring()) return false;
    const auto demanded = make_senders(Io::kUring, 1);
    const auto automatic = make_senders(Io::kAuto, 1);
    return !demanded && demanded.error().message.find("forbidden") != std::string::npos &&
           automatic && automatic->each[0]->name() == "epoll" &&
           automatic->why_epoll == demanded.error().message;
  }));
}

TEST_CASE("without any memory to lock a hub goes on, with io_uring or without") {
  CHECK(holds_in_child([] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    const bool is_limited = ::setrlimit(RLIMIT_MEMLOCK, &none) == 0;
    const bool is_plain_user = ::getuid() != 0 || ::setuid(65534) == 0;
    const auto automatic = make_senders(Io::kAuto, 1);
    if (!is_limited || !is_plain_user || !automatic) return false;
    // Linux counts a ring as locked memory before 5.12 and since 6.14.
    return automatic->each[0]->name() == "uring" ||
           automatic->why_epoll.find("locked memory") != std::string::npos;
  }));
}
