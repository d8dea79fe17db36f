# What runs on the server of an ssh image repository: it answers to the lines on its standard input, until that ends.
# POSIX sh and POSIX utilities, and sha256sum, openssl and stat where they are. Names come as octal digits for printf, so no part
# of a name is ever read as a program.
#
# Answers are lines; one that begins with `!` is the last and says why: a word for the client, and what a program said.
LC_ALL=C TZ=UTC0
export LC_ALL TZ
own=.xdocker
work=
end='
'

say() { printf '%s\n' "$*"; }

die() {
  [ -z "$work" ] || rm -rf "$work"
  say "! $*"
  exit 1
}

# What has not been written, and why.
refused() {
  case $1 in
  *'No space left'* | *[Qq]uota*) die full ;;
  *) die refused "$(printf %s "$1" | tail -n 1)" ;;
  esac
}

# The file of the image with that name.
file() { printf './%b.xdockerimage' "$1"; }

size() (
  set -f
  set -- $(ls -lndL "$1")
  say "$5"
)

inode() (
  set -f
  set -- $(ls -id "$1")
  say "$1"
)

# The sum of what comes. openssl(1) uses what processors have for it, if it is there and says what we think it says.
sum() (
  abc='ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin'
  case $digest in
  sha256)
    if [ "$(printf abc | openssl dgst -sha256 -r 2>/dev/null)" = "$abc" ]; then
      set -- $(openssl dgst -sha256 -r 2>/dev/null)
    else
      set -- $(sha256sum)
    fi
    ;;
  cksum) set -- $(cksum) ;;
  esac
  say "$1"
)

# Copies $2 blocks, one at least, from descriptor 3 after leaving out $1, most of them in large pieces.
part() {
  few=$((($2 + 127) % 128 + 1))
  dd bs=512 skip="$1" count="$few" <&3 || return
  [ "$2" -le "$few" ] || dd bs=65536 count=$((($2 - few) / 128)) <&3
}

# Cuts a file off after $2 blocks.
cut_off() { dd of="$1" bs=512 seek="$2" count=0 </dev/null 2>/dev/null; }

# A line an archive: its size, its time, its name and a slash, which no name holds. Without stat(1) the time is that of
# ls(1), for which today's date is said first.
list() {
  if stat -c %s . >/dev/null 2>&1; then how=stat; else how=ls; fi
  date -u '+today %Y %m %d'
  set --
  for f in ./*.xdockerimage ./.*.xdockerimage; do
    [ -f "$f" ] || continue
    set -- "$@" "$f"
    [ $# -lt 200 ] || { show "$@"; set --; }
  done
  [ $# -eq 0 ] || show "$@"
  say .
}

show() {
  case $how in
  stat) stat -L -c '%s %Y %n/' "$@" ;;
  ls) for f do show_one "$f"; done ;;
  esac
}

show_one() (
  f=$1
  set -f
  set -- $(ls -lndL "$f")
  say "$5 $6 $7 $8 $f/"
)

# The members of an archive, if they are known and it is still the archive that they were written down for.
index() {
  f=$(file "$1")
  i=$own/${f#./}.index
  if [ -f "$f" ] && [ -f "$i" ] && read -r _ known <"$i" && [ "$known" = "$(inode "$f")" ] &&
    [ -z "$(find "$f" -newer "$i")" ]; then
    cat "$i"
  fi
  say .
}

open() {
  f=$(file "$1")
  [ -f "$f" ] || die missing
  [ -r "$f" ] || die refused "$f cannot be read"
  exec 3<"$f"
  say "size $(size "$f")"
}

# Begins an upload, with what an earlier one of the same key has left when its line broke.
begin() {
  e=$(mkdir -p "$own" 2>&1) || refused "$e"
  find "$own" -name 'upload.*' -mtime +7 -prune -exec rm -rf {} \; 2>/dev/null
  n=0
  while :; do
    made=$own/upload.$1.$n
    e=$(mkdir "$made" 2>&1) && break
    [ -e "$made" ] || refused "$e"
    n=$((n + 1))
  done
  work=$made
  for left in "$own/upload.$1".*; do
    [ "$left" != "$work" ] && mv "$left" "$work/left" 2>/dev/null || continue
    take_over
    rm -rf "$work/left"
    [ ! -s "$work/old" ] || break
  done
  at=0
  [ ! -f "$work/old" ] || at=$(($(size "$work/old") / 512))
  if [ "$at" -eq 0 ]; then
    rm -f "$work/old"
    say 'have 0 -'
  else
    cut_off "$work/old" "$at"
    say "have $at $(sum <"$work/old")"
  fi
}

# What that upload had itself taken over, and after it what it received.
take_over() {
  # It was itself about to do this.
  while [ -d "$work/left/left" ] && [ ! -s "$work/left/old" ]; do
    mv "$work/left/left" "$work/inner" && rm -rf "$work/left" && mv "$work/inner" "$work/left" || return
  done
  if [ ! -f "$work/left/old" ]; then
    mv "$work/left/new" "$work/old" 2>/dev/null
    return
  fi
  mv "$work/left/old" "$work/old"
  if [ -f "$work/left/at" ] && read -r at <"$work/left/at"; then
    cut_off "$work/old" "$at"
    cat "$work/left/new" 2>/dev/null >>"$work/old"
  fi
}

# An archive with members that the upload leaves out, under a number: it stays the same when its name goes.
lend() { ln "$(file "$2")" "$work/$1" 2>/dev/null; }

# Where the client goes on.
from() {
  at=$1
  if [ "$at" -eq 0 ]; then rm -f "$work/old" "$work/at"; else say "$at" >"$work/at"; fi
}

# Takes what comes as the members of an archive, the plan to put it together, its index, and the last block with the
# sizes of all three, their sum, and that of the archive. Without that block the line is broken, and all stays for another attempt.
upload() {
  f=$(file "$1") force=$2
  if [ "$(printf 12 | tee --output-error=exit /dev/null 2>/dev/null | head -c -1 2>/dev/null)" = 1 ]; then
    # Summed up as it comes, but for the last block. What goes wrong is said before the sum.
    found=$({ { earlier && tee --output-error=exit "$work/new" | head -c -512; } | sum; } 2>&1)
    case $found in *"$end"*) refused "${found%"$end"*}" ;; esac
  else
    found=
    e=$(cat 2>&1 >"$work/new") || refused "$e"
  fi
  case $(tail -c 512 "$work/new" | head -n 1) in
  'xdocker-end '*) ;;
  *) exit 1 ;;
  esac
  set -f
  set -- $(tail -c 512 "$work/new" | head -n 1)
  set +f
  got=$(($2 - at)) plan=$3 index=$4 sum=$5 crc=$6
  come=$((got + plan + index))
  [ "$(size "$work/new")" -eq $(((come + 1) * 512)) ] || exit 1
  [ -n "$found" ] || found=$({ earlier && exec 3<"$work/new" && part 0 "$come" 2>/dev/null; } | sum)
  [ "$found" = "$sum" ] || die damaged
  if [ "$plan" -gt 0 ]; then
    e=$(exec 3<"$work/new" && part "$got" "$plan" 2>&1 >"$work/plan") || refused "$e"
  fi
  e=$(exec 3<"$work/new" && part $((got + plan)) "$index" 2>&1 >"$work/index") || refused "$e"
  cut_off "$work/new" "$got"
  if [ "$at" -gt 0 ]; then
    e=$(cat "$work/new" 2>&1 >>"$work/old") || refused "$e"
    mv "$work/old" "$work/new"
  fi
  if [ "$plan" -gt 0 ]; then
    e=$(put_together 2>&1 >"$work/whole") || refused "$e"
    put_together_right || die damaged
    mv "$work/whole" "$work/new"
  fi
  publish
}

# What the server had of the upload.
earlier() { [ "$at" -eq 0 ] || cat "$work/old"; }

put_together() {
  while read -r from skip count; do
    [ -n "$from" ] || continue
    exec 3<"$work/$from" && part "$skip" "$count" || exit 1
  done <"$work/plan"
}

# cksum(1) tells it for certain. Some systems lack it; then at least each member must be whole.
put_together_right() {
  if command -v cksum >/dev/null 2>&1; then
    set -- $(cksum <"$work/whole")
    [ "$1" = "$crc" ]
  else
    gzip -t <"$work/whole" 2>/dev/null
  fi
}

publish() {
  e=$({ say "inode $(inode "$work/new")" && cat "$work/index"; } 2>&1 >"$work/members") || refused "$e"
  if [ "$force" = force ]; then
    [ ! -d "$f" ] || die exists
    e=$(mv -f "$work/new" "$f" 2>&1) || refused "$e"
  else
    [ ! -e "$f" ] && [ ! -h "$f" ] || die exists
    e=$(ln "$work/new" "$f" 2>&1) || { [ ! -e "$f" ] || die exists; refused "$e"; }
  fi
  mv -f "$work/members" "$own/${f#./}.index" 2>/dev/null
  rm -rf "$work"
  say 'done'
}

cd || exit
if command -v sha256sum >/dev/null 2>&1; then digest=sha256; else digest=cksum; fi
say "xdocker-repository 1 $digest"
while read -r word a b; do
  case $word in
  list) list ;;
  index) index "$a" ;;
  open) open "$a" ;;
  part) part "$a" "$b" 2>/dev/null || exit ;;
  all) cat <&3 || exit ;;
  sum) sum <"$f" ;;
  begin) begin "$a" ;;
  lend) lend "$a" "$b" ;;
  from) from "$a" ;;
  upload)
    upload "$a" "$b"
    exit
    ;;
  esac
done
