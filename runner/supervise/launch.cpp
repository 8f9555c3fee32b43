#include "jobinit/supervise/launch.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/process/v2/posix/vfork_launcher.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <charconv>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/kernel/job_cgroup.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/kernel/terminal.hpp"

namespace jobinit::supervise {
namespace {

namespace process = boost::process::v2;

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;
constexpr int kOwnFailure = 125;
constexpr std::size_t kListenerDigits = 20;

std::string_view find_path(const std::vector<std::string>& environment) {
  return lookup(environment, "PATH").value_or(kDefaultPath);
}

// Every file that the command's name may mean, in the order of execvp(3). An empty part of PATH is the current folder.
std::vector<std::string> candidates(const LaunchOptions& options) {
  if (options.executable) {
    return {*options.executable};
  }
  const std::string& name = options.argv.front();
  if (name.find('/') != std::string::npos) {
    return {name};
  }
  std::vector<std::string> files;
  std::string_view path = find_path(options.environment);
  for (;;) {
    const std::size_t colon = std::min(path.find(':'), path.size());
    const std::string_view folder = path.substr(0, colon);
    files.push_back(folder.empty() ? name : fmt::format("{}/{}", folder, name));
    if (colon == path.size()) {
      return files;
    }
    path.remove_prefix(colon + 1);
  }
}

// Boost.Process' launcher starts the child by vfork(2), carries errno back and registers the child; what happens in the
// child before exec is this. vfork: copying the page tables of a program that holds a TLS library costs more than the
// rest of its start. The parent stands still meanwhile and its memory is the child's too: no allocation, nothing but
// async-signal-safe calls, and what is written to must be the child's own.
//
// It calls execve() itself instead of leaving that to the launcher, for three reasons (Boost 1.81): the launcher closes
// every descriptor that is not on a list first, while an init passes on what it inherited (its own are all
// close-on-exec); it reports whatever errno holds after that; and it runs atexit handlers in the child when exec fails.
struct Child {
  const LaunchOptions& options;
  const kernel::SignalState& signals;
  const std::vector<const char*>& files;
  const std::vector<const char*>& argv;
  const std::vector<const char*>& environment;
  std::vector<const char*>& shell_argv;  // the parent's, which stands still: written to by run_by_shell()
  char* listener;                        // where the pid goes in the LISTEN_PID of `environment`; null: nowhere
  SetupFailure& failed_step;             // the parent's: what is written here it reads once the child has ended
  bool& is_there;                        // whether a file of that name was found that could not be started

  template <typename Launcher>
  process::error_code on_exec_setup(Launcher& /*launcher*/, const process::filesystem::path& /*executable*/,
                                    const char* const* /*command_line*/) {
    // First of all: whatever it uses from here on is the job's.
    if (const int code = kernel::join_cgroups(options.cgroups.data(), options.cgroups.size()); code != 0) {
      failed_step = {SetupStep::cgroup, 0, code};
      return failed(code);
    }
    find_place();
    if (options.folder >= 0) {
      kernel::enter_folder(options.folder);
    }
    // "Not dumpable" makes /proc/self/oom_score_adj root's: for anybody else see ScoreForChild. Making the memory
    // readable for this, which is the parent's too, would show its credentials to whoever looks just then.
    if (options.oom_score_adj && kernel::is_root()) {
      kernel::set_own_oom_score_adj(*options.oom_score_adj);
    }
    if (options.stdin_fd > 2) {  // a file of ours, which an earlier attempt may have read
      ::lseek(options.stdin_fd, 0, SEEK_SET);
    }
    if (!put(options.stdin_fd, 0) || !put(options.stdout_fd, 1) || !put(options.stderr_fd, 2)) {
      return failed(errno);
    }
    give_pipes_to_user();
    failed_step = set_up(options.setup);
    // A change of credentials sets this anew, to what the machine's administrator likes (proc(5), suid_dumpable), and
    // the memory is still the parent's.
    kernel::hide_memory(options.hides_memory);
    if (failed_step.code != 0) {
      return failed(failed_step.code);
    }
    kernel::restore_signals(signals);
    name_listener();
    int missing = ENOENT;
    int failure = 0;
    for (const char* file : files) {
      ::execve(file, const_cast<char* const*>(argv.data()), const_cast<char* const*>(environment.data()));
      if (errno == ENOEXEC && options.scripts_by_shell) {
        run_by_shell(file);
      }
      // Like execvp(3): go on where there is no such file; remember a file that may not be executed.
      if (errno == ENOENT || errno == ENOTDIR) {
        missing = errno;
        // Asked here, where folder and user are the job's.
        is_there = is_there || ::access(file, F_OK) == 0;
        continue;
      }
      failure = errno;
      if (errno != EACCES) {
        break;
      }
    }
    return failed(failure != 0 ? failure : missing);
  }

  // Both forms, since the launcher asks for one and calls the other.
  template <typename... Any>
  void on_exec_error(Any&&... /*ignored*/) {
    ::_exit(kNotFound);
  }

 private:
  // Or the job could not open /dev/stdout, which asks for the owner of the pipe behind it. What was inherited stays its
  // owner's. Without CAP_CHOWN it stays so: no job depends on it that did not before.
  void give_pipes_to_user() const {
    if (!options.setup.user) {
      return;
    }
    for (const int fd : {options.stdout_fd, options.stderr_fd}) {
      if (fd > 2) {
        [[maybe_unused]] const int given = ::fchown(fd, *options.setup.user, static_cast<gid_t>(-1));
      }
    }
  }

  void find_place() const {
    switch (options.place) {
      case Placement::session: ::setsid(); break;
      case Placement::group:
        ::setpgid(0, 0);
        // In the child, before exec: it never runs a moment in the background, where reading would stop it. The parent
        // has SIGTTOU ignored or blocked, and so has the child until restore_signals().
        if (options.in_foreground) {
          kernel::give_foreground(options.terminal, ::getpid());
        }
        break;
      case Placement::terminal_session:
        ::setsid();
        kernel::adopt_terminal(0);
        break;
      case Placement::ours: break;
    }
  }

  // By arguments that were made for it: one more than the job's, and the file in the place of its name.
  void run_by_shell(const char* file) const {
    shell_argv[1] = file;
    ::execve(shell_argv[0], const_cast<char* const*>(shell_argv.data()), const_cast<char* const*>(environment.data()));
  }

  void name_listener() const {
    if (listener != nullptr) {
      const auto [end, failure] = std::to_chars(listener, listener + kListenerDigits, ::getpid());
      *end = '\0';
    }
  }

  static bool put(int from, int to) { return from == to || ::dup2(from, to) == to; }
  // The launcher sends the global errno to the parent, not the code it is given.
  static process::error_code failed(int failure) {
    errno = failure;
    return {failure, boost::system::system_category()};
  }
};

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    pointers.push_back(text.c_str());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Who is not root has its own score changed while the child comes into being, which is born with it. The file was
// opened when that could still be done, and lowering it again to what it was takes no capability (proc(5)).
class ScoreForChild {
 public:
  explicit ScoreForChild(const LaunchOptions& options) : own_(options.own_oom_score_adj) {
    if (own_ != nullptr && options.oom_score_adj && !kernel::is_root()) {
      before_ = kernel::exchange_oom_score_adj(*own_, *options.oom_score_adj);
    }
  }
  ~ScoreForChild() {
    if (before_) {
      kernel::exchange_oom_score_adj(*own_, *before_);
    }
  }
  ScoreForChild(const ScoreForChild&) = delete;
  ScoreForChild& operator=(const ScoreForChild&) = delete;

 private:
  const kernel::Fd* own_;
  std::optional<int> before_;
};

std::string by_whom(const ProcessSetup& setup) { return setup.user ? fmt::format(" by user {}", *setup.user) : ""; }

std::string place(const LaunchOptions& options) {
  const bool relative = !options.argv.front().starts_with('/') && !options.setup.folder.empty();
  return relative ? fmt::format(" in {}", options.setup.folder) : "";
}

// Where LISTEN_PID names this process: room for the number of the new one, which nobody knows yet.
char* make_room_for_pid(std::vector<std::string>& environment) {
  static constexpr std::string_view name = "LISTEN_PID=";
  const std::string ours = fmt::format("{}{}", name, kernel::own_pid());
  for (std::string& entry : environment) {
    if (entry == ours) {
      entry = std::string(name) + std::string(kListenerDigits + 1, '\0');
      return entry.data() + name.size();
    }
  }
  return nullptr;
}

LaunchFailure explain(int code, const LaunchOptions& options, bool is_there) {
  const std::string& name = options.argv.front();
  const bool by_path = name.find('/') == std::string::npos && !options.executable;
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      if (by_path) {
        return {kNotFound,
                Cause::not_started,
                {fmt::format("{}: command not found in PATH ({})", name, find_path(options.environment)), code}};
      }
      if (is_there) {
        return {kNotFound,
                Cause::not_started,
                {fmt::format("{}: the file is there, but the interpreter or the loader it names is not", name), code}};
      }
      return {kNotFound, Cause::not_started, {fmt::format("{}: no such file{}", name, place(options)), code}};
    case EACCES:
      return {kNotExecutable,
              Cause::not_started,
              {fmt::format("{}: not executable{} (permission denied)", name, by_whom(options.setup)), code}};
    case EAGAIN:  // told by execve(2) after a change of user, never of the file
      return {kOwnFailure,
              Cause::not_started,
              {fmt::format("{}: user {} already has as many processes as the limit nproc allows", name,
                           options.setup.user.value_or(0)),
               code}};
    case ENOEXEC:
      return {kNotExecutable,
              Cause::not_started,
              {fmt::format("{}: neither a program for this machine nor a script that begins with #!", name), code}};
    case E2BIG:
      return {
          kNotExecutable, Cause::not_started, {fmt::format("{}: arguments and environment are too large", name), code}};
    default: return {kNotExecutable, Cause::not_started, system_error(code, name)};
  }
}

}  // namespace

std::variant<pid_t, LaunchFailure> launch(const LaunchOptions& options, const kernel::SignalState& signals) {
  const std::vector<std::string> files = candidates(options);
  const std::vector<const char*> file_pointers = pointers(files);
  const std::vector<const char*> argv = pointers(options.argv);
  std::vector<std::string> variables = options.environment;
  char* const listener = options.names_listener ? make_room_for_pid(variables) : nullptr;
  const std::vector<const char*> environment = pointers(variables);
  std::vector<const char*> shell_argv{"/bin/sh"};
  shell_argv.insert(shell_argv.end(), argv.begin(), argv.end());
  const std::vector<const char*> tried(file_pointers.begin(), file_pointers.end() - 1);
  SetupFailure failed_step;
  bool is_there = false;
  Child child{options, signals, tried, argv, environment, shell_argv, listener, failed_step, is_there};

  process::posix::vfork_launcher launcher;
  process::error_code failure;
  try {
    const ScoreForChild score(options);
    // A context of its own, which has no descriptors: asio renews a context's in the child, where they are the
    // parent's.
    boost::asio::io_context own(1);
    auto started = launcher(own.get_executor(), failure, files.front(), options.argv, child);
    // The supervisor's reaper is the one owner of waiting; the handle would wait too, and terminate in its destructor.
    started.detach();
  } catch (const boost::system::system_error&) {
    // pidfd_open(2) came with Linux 5.3 and some sandboxes lack it. The child runs all the same.
    if (launcher.pid <= 0) {
      throw;
    }
  }
  if (!failure) {
    return static_cast<pid_t>(launcher.pid);
  }
  if (launcher.pid <= 0) {
    return LaunchFailure{kOwnFailure, Cause::internal, system_error(failure.value(), "starting a process (fork)")};
  }
  kernel::wait_for(launcher.pid);
  if (failed_step.code != 0) {
    return LaunchFailure{kOwnFailure, Cause::not_started, explain(failed_step, options.setup)};
  }
  return explain(failure.value(), options, is_there);
}

}  // namespace jobinit::supervise
