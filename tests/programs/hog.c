// Uses memory in the manner that it is told to, and says so; for tests of memory limits. See usage().
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPage = 4096, kMega = 1 << 20 };

static const char kUsage[] =
    "usage: hog MODE SIZE [PATH] [option...]     SIZE in bytes, or with K, M or G\n"
    "\n"
    "  malloc SIZE        the heap, in small pieces, as fast as it goes\n"
    "  mmap SIZE          anonymous private mappings of 4M\n"
    "  shared SIZE        anonymous shared mappings of 4M (counted as shmem)\n"
    "  tmpfs SIZE FOLDER  files of 1M below FOLDER, removed at a normal end\n"
    "  fork SIZE          --children (4) processes with an equal share each, all at once\n"
    "  many SIZE          processes with 1M each, one after the other\n"
    "  slow SIZE          the heap, by --rate a second (16M)\n"
    "  hold SIZE          the heap; says that it is up when it has it all\n"
    "  cache SIZE FILE    writes FILE once and reads it --rounds times (3): page cache, no memory of its own\n"
    "\n"
    "  --then sleep       when it has all: stay, with a sleep that only a signal ends\n"
    "  --for SECONDS      when it has all: stay that long (may have a fraction)\n"
    "  --exit CODE        at the end (0)\n"
    "  --children N, --rate SIZE, --rounds N\n"
    "\n"
    "Says \"hog: up\" when it begins and \"hog: holds SIZE\" when it has all. Memory that the kernel does not give "
    "ends\n"
    "it with 12. fork and many end with 128+N when a child is killed by signal N while they grow.\n";

// They live as long as this process does, unless it is killed.
static pid_t* children;
static size_t child_count;

static void end_children(void) {
  for (size_t i = 0; i < child_count; ++i) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
}

static _Noreturn void fail(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "hog: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  end_children();
  exit(code);
}

static void* must(void* memory) {
  if (memory == NULL || memory == MAP_FAILED) {
    fail(ENOMEM, "the kernel gives no more memory: %s", strerror(errno));
  }
  return memory;
}

static size_t size_of(const char* text) {
  char* end = NULL;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  if (end == text || errno != 0 || *(end + (shift != 0)) != '\0') {
    fail(2, "not a size: %s", text);
  }
  return (size_t)value << shift;
}

static void say(const char* what, size_t size) {
  if (size == 0) {
    printf("hog: %s\n", what);
  } else {
    printf("hog: %s %zu\n", what, size);
  }
  fflush(stdout);
}

static void touch(char* memory, size_t size) {
  for (size_t i = 0; i < size; i += kPage) {
    ((volatile char*)memory)[i] = 1;
  }
}

static void sleep_for(double seconds) {
  struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

// Pieces below malloc's threshold for mappings, so that it is the heap that grows.
static void take_heap(size_t size) {
  const size_t piece = 16 * kPage;
  for (size_t had = 0; had < size; had += piece) {
    touch(must(malloc(piece)), piece);
  }
}

static void take_mappings(size_t size, int flags) {
  const size_t piece = 4 * kMega;
  for (size_t had = 0; had < size; had += piece) {
    touch(must(mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0)), piece);
  }
}

static void take_slowly(size_t size, size_t rate) {
  for (size_t had = 0; had < size; had += rate / 10) {
    take_heap(rate / 10);
    sleep_for(0.1);
  }
}

static void file_name(char* name, const char* folder, size_t number) {
  snprintf(name, PATH_MAX, "%s/hog.%zu", folder, number);
}

static void write_file(const char* name, size_t size) {
  static char block[64 * 1024];
  memset(block, 'h', sizeof block);
  const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    fail(1, "%s: %s", name, strerror(errno));
  }
  for (size_t done = 0; done < size;) {
    const ssize_t wrote = write(fd, block, sizeof block);
    if (wrote < 0) {
      fail(errno == ENOMEM ? ENOMEM : 1, "writing %s: %s", name, strerror(errno));
    }
    done += (size_t)wrote;
  }
  close(fd);
}

static void read_file(const char* name) {
  static char block[64 * 1024];
  const int fd = open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail(1, "%s: %s", name, strerror(errno));
  }
  ssize_t got = 0;
  while ((got = read(fd, block, sizeof block)) > 0) {
  }
  if (got < 0) {
    fail(1, "reading %s: %s", name, strerror(errno));
  }
  close(fd);
}

static _Noreturn void be_child(size_t share, int ready) {
  child_count = 0;
  take_heap(share);
  if (write(ready, "", 1) != 1) {
    _exit(1);
  }
  for (;;) {
    pause();
  }
}

// Waits until one more child has its share, or ends with the code of a child that has died.
static void wait_for_share(int ready) {
  for (;;) {
    char byte = 0;
    if (read(ready, &byte, 1) == 1) {
      return;
    }
    int status = 0;
    if (waitpid(-1, &status, WNOHANG) > 0) {
      const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      fail(code == 0 ? 1 : code, "a child has died");
    }
    sleep_for(0.01);
  }
}

static void take_by_children(size_t size, size_t count, int one_by_one) {
  int ready[2];
  children = must(calloc(count, sizeof *children));
  if (pipe(ready) != 0 || fcntl(ready[0], F_SETFL, O_NONBLOCK) != 0) {
    fail(1, "a pipe: %s", strerror(errno));
  }
  for (; child_count < count; ++child_count) {
    const pid_t child = fork();
    if (child < 0) {
      fail(1, "fork: %s", strerror(errno));
    }
    if (child == 0) {
      be_child(size / count, ready[1]);
    }
    children[child_count] = child;
    if (one_by_one) {
      wait_for_share(ready[0]);
    }
  }
  for (size_t i = 0; !one_by_one && i < count; ++i) {
    wait_for_share(ready[0]);
  }
}

int main(int count, char** words) {
  const char* mode = count > 1 ? words[1] : "";
  const char* path = NULL;
  size_t share_count = 4;
  size_t rate = 16 * kMega;
  size_t rounds = 3;
  double stay = 0;  // seconds; below zero: for ever
  int code = 0;
  if (count < 3) {
    fputs(kUsage, count == 2 && strcmp(mode, "--help") == 0 ? stdout : stderr);
    return count == 2 && strcmp(mode, "--help") == 0 ? 0 : 2;
  }
  const size_t size = size_of(words[2]);
  for (int i = 3; i < count; ++i) {
    const char* word = words[i];
    if (word[0] != '-') {
      path = word;
      continue;
    }
    const char* value = i + 1 < count ? words[++i] : "";
    if (strcmp(word, "--then") == 0 && strcmp(value, "sleep") == 0) {
      stay = -1;
    } else if (strcmp(word, "--for") == 0) {
      stay = strtod(value, NULL);
    } else if (strcmp(word, "--exit") == 0) {
      code = (int)size_of(value);
    } else if (strcmp(word, "--children") == 0) {
      share_count = size_of(value);
    } else if (strcmp(word, "--rate") == 0) {
      rate = size_of(value);
    } else if (strcmp(word, "--rounds") == 0) {
      rounds = size_of(value);
    } else {
      fail(2, "what is %s %s? hog --help tells", word, value);
    }
  }

  const int holds = strcmp(mode, "hold") == 0;
  if (!holds) {
    say("up", 0);
  }
  if (holds || strcmp(mode, "malloc") == 0) {
    take_heap(size);
  } else if (strcmp(mode, "mmap") == 0) {
    take_mappings(size, MAP_PRIVATE);
  } else if (strcmp(mode, "shared") == 0) {
    take_mappings(size, MAP_SHARED);
  } else if (strcmp(mode, "slow") == 0) {
    take_slowly(size, rate);
  } else if (strcmp(mode, "fork") == 0) {
    take_by_children(size, share_count, 0);
  } else if (strcmp(mode, "many") == 0) {
    take_by_children(size, (size + kMega - 1) / kMega, 1);
  } else if (strcmp(mode, "tmpfs") == 0 && path != NULL) {
    char name[PATH_MAX];
    for (size_t i = 0; i * kMega < size; ++i) {
      file_name(name, path, i);
      write_file(name, kMega);
    }
  } else if (strcmp(mode, "cache") == 0 && path != NULL) {
    write_file(path, size);
    for (size_t i = 0; i < rounds; ++i) {
      read_file(path);
    }
  } else {
    fail(2, "what is %s%s? hog --help tells", mode, path == NULL ? " without a path" : "");
  }
  if (holds) {
    say("up", 0);
  }
  say("holds", size);

  while (stay < 0) {
    pause();
  }
  sleep_for(stay);
  end_children();
  for (size_t i = 0; strcmp(mode, "tmpfs") == 0 && i * kMega < size; ++i) {
    char name[PATH_MAX];
    file_name(name, path, i);
    unlink(name);
  }
  return code;
}
