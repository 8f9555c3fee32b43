// Starts a command as PID 1 of a container made by hand: namespaces of its own for processes, mounts and cgroups, in a
// cgroup that is there already. See usage(). Needs root and cgroup v2 at /sys/fs/cgroup.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char kUsage[] =
    "usage: container [option...] CGROUP COMMAND...     CGROUP is a path below /sys/fs/cgroup\n"
    "\n"
    "  --writable   the cgroup tree may be changed from inside (delegation); otherwise it is mounted read-only\n"
    "  --host       no cgroup namespace: the whole tree can be seen\n"
    "  --privileged  with CAP_SYS_RESOURCE, which docker and Kubernetes do not give by default\n"
    "  --user ID    the command's user and group\n"
    "  --pid FILE   where to write the command's process id, as it is out here\n"
    "  --end FILE   where to write how it ended: \"exit N\" or \"signal N\"\n"
    "\n"
    "Exits with the command's code, or 128+N.\n";
enum { kCapSysResource = 24 };  // linux/capability.h
static const char kTree[] = "/sys/fs/cgroup";

struct wish {
  const char* cgroup;
  int host;
  int writable;
  int privileged;
  unsigned user;
  char** command;
};

static _Noreturn void fail(const char* what) {
  fprintf(stderr, "container: %s: %s\n", what, strerror(errno));
  _exit(120);
}

static void check(int result, const char* what) {
  if (result < 0) {
    fail(what);
  }
}

static void write_line(const char* path, const char* text, int flags) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
  check(fd, path);
  if (write(fd, text, strlen(text)) < 0) {
    fail(path);
  }
  close(fd);
}

static void enter(const char* cgroup) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s/cgroup.procs", kTree, cgroup);
  write_line(path, "0", 0);
}

// From inside, once the process is where it belongs: what a container runtime does before exec. Without a process out
// here in the cgroup, as with docker, where the runtime is elsewhere.
static _Noreturn void become(const struct wish* wish) {
  enter(wish->cgroup);
  // Its root is where the process is when it makes it (cgroup_namespaces(7)).
  check(wish->host ? 0 : unshare(CLONE_NEWCGROUP), "a cgroup namespace");
  check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
  check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
  check(umount2(kTree, MNT_DETACH), "the old cgroup tree");
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  check(mount("cgroup2", kTree, "cgroup2", flags, NULL), "the cgroup tree");
  if (!wish->writable) {
    check(mount(NULL, kTree, NULL, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "the cgroup tree, read-only");
  }
  // The machine's own processes may be exempt from the OOM killer; a container is not.
  write_line("/proc/self/oom_score_adj", "0", 0);
  check(wish->privileged ? 0 : prctl(PR_CAPBSET_DROP, kCapSysResource, 0, 0, 0), "the bounding set");
  check(setsid(), "a session");
  if (wish->user != 0) {
    check(setgid(wish->user), "the group");
    check(setuid(wish->user), "the user");
  }
  execvp(wish->command[0], wish->command);
  fail(wish->command[0]);
}

int main(int count, char** words) {
  struct wish wish = {0};
  const char* pid_file = NULL;
  const char* end_file = NULL;
  int i = 1;
  for (; i < count && words[i][0] == '-'; ++i) {
    if (strcmp(words[i], "--writable") == 0) {
      wish.writable = 1;
    } else if (strcmp(words[i], "--host") == 0) {
      wish.host = 1;
    } else if (strcmp(words[i], "--privileged") == 0) {
      wish.privileged = 1;
    } else if (strcmp(words[i], "--user") == 0 && i + 1 < count) {
      wish.user = (unsigned)strtoul(words[++i], NULL, 10);
    } else if (strcmp(words[i], "--pid") == 0 && i + 1 < count) {
      pid_file = words[++i];
    } else if (strcmp(words[i], "--end") == 0 && i + 1 < count) {
      end_file = words[++i];
    } else {
      i = count;
    }
  }
  if (i + 1 >= count) {
    fputs(kUsage, stderr);
    return 2;
  }
  wish.cgroup = words[i];
  wish.command = words + i + 1;

  // fork(2) with namespaces: a child of ours, which is PID 1 of its own.
  const pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);
  check(child, "a pid namespace");
  if (child == 0) {
    become(&wish);
  }
  char text[64];
  if (pid_file != NULL) {
    snprintf(text, sizeof text, "%d\n", child);
    write_line(pid_file, text, O_CREAT | O_TRUNC);
  }
  int status = 0;
  check(waitpid(child, &status, 0), "waiting");
  const int killed = WIFSIGNALED(status);
  const int code = killed ? WTERMSIG(status) : WEXITSTATUS(status);
  if (end_file != NULL) {
    snprintf(text, sizeof text, "%s %d\n", killed ? "signal" : "exit", code);
    write_line(end_file, text, O_CREAT | O_TRUNC);
  }
  return killed ? 128 + code : code;
}
