# What the scripts of the test machine are written with. They run in /result: what they leave there is theirs to see.

# group NAME [FILE=VALUE...]: a cgroup with these limits. NAME may have a parent, which gets the controllers.
group() {
  local name=$1 setting
  shift
  mkdir "/sys/fs/cgroup/$name"
  [ "$name" = "${name#*/}" ] || echo "+memory +pids" >"/sys/fs/cgroup/${name%/*}/cgroup.subtree_control"
  for setting in "$@"; do
    echo "${setting#*=}" >"/sys/fs/cgroup/$name/${setting%%=*}"
  done
}

# contain NAME [option of container...] -- COMMAND...: jobinit as PID 1 of a container in the group NAME, with that
# command, which may begin with jobinit's own options and "--". Leaves NAME.{code,end,pid,out,err,report} and, of the
# cgroup, NAME.memory.* and NAME.groups, the groups below it; a slash in the name becomes a dot. With `wrap=` before it,
# the command is PID 1 itself.
contain() {
  local name=$1 file options='' code=0
  shift
  file=$(echo "$name" | tr / .)
  while [ "$1" != -- ]; do
    options="$options $1"
    shift
  done
  shift
  # shellcheck disable=SC2086 # words
  JOBINIT_REPORT_TO=file:/result/$file.report JOBINIT_NAME=$file \
    container --pid "$file.pid" --end "$file.end" $options "$name" ${wrap-jobinit} "$@" \
    >"$file.out" 2>"$file.err" || code=$?
  echo "$code" >"$file.code"
  for counter in peak current events; do
    cat "/sys/fs/cgroup/$name/memory.$counter" >"$file.memory.$counter"
  done
  (cd "/sys/fs/cgroup/$name" && find . -mindepth 1 -type d) >"$file.groups"
}

# until_says FILE TEXT: waits until it is there.
until_says() {
  until grep -q "$2" "$1" 2>/dev/null; do
    usleep 20000
  done
}

# pid_of WORD...: the process, as it is out here, whose command line begins with these; of several, the first.
pid_of() {
  grep -l "^$(echo "$*" | tr ' ' .)" /proc/[0-9]*/cmdline 2>/dev/null | head -n 1 | cut -d / -f 3
}

# until_true COMMAND...
until_true() {
  until "$@"; do
    usleep 20000
  done
}
