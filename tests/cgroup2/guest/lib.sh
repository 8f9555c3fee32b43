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
# cgroup, NAME.memory.*; a slash in the name becomes a dot.
contain() {
  local name=$1 file options= code=0
  shift
  file=$(echo "$name" | tr / .)
  while [ "$1" != -- ]; do
    options="$options $1"
    shift
  done
  shift
  # shellcheck disable=SC2086 # words
  JOBINIT_REPORT_TO=file:/result/$file.report JOBINIT_NAME=$file \
    container --pid "$file.pid" --end "$file.end" $options "$name" ${wrap:-jobinit} "$@" >"$file.out" 2>"$file.err" || code=$?
  echo "$code" >"$file.code"
  for counter in peak current max high events events.local stat oom.group; do
    cat "/sys/fs/cgroup/$name/memory.$counter" >"$file.memory.$counter"
  done
}

# until_says FILE TEXT: waits until it is there.
until_says() {
  until grep -q "$2" "$1" 2>/dev/null; do
    usleep 20000
  done
}

# until_true COMMAND...
until_true() {
  until "$@"; do
    usleep 20000
  done
}
