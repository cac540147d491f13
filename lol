#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds Linux-on-Linux if its sources are newer than the last build, then runs it. Stays alive as the parent of the JVM: should
# the JVM be killed, nobody else would be left to put the terminal back as it was.
#
# Environment:
#   JAVA_HOME         the Java to use; otherwise "java" on the PATH
#   LOL_JAVA_OPTIONS  further options for the JVM, e.g. -Xmx512m
#   LOL_APP           directory of a finished build (as lol-vmm/target); nothing is built then

set -u

fail() {
    status=$1
    shift
    echo "lol: $*" >&2
    exit "$status"
}

# Standard streams that are closed would be reused by the JVM for files of its own.
{ true 3<&0; } 2>/dev/null || exec </dev/null
{ true 3>&1; } 2>/dev/null || exec >/dev/null
{ true 3>&2; } 2>/dev/null || exec 2>/dev/null

self=$0
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in
        /*) self=$target ;;
        *) self=$(dirname "$self")/$target ;;
    esac
done
root=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd -P) || exit 70
apps=$root/target/app # one directory per build, and "current" that points to the newest
build_log=$root/target/build.log

# --- Java ---------------------------------------------------------------------------------------------------------------------

find_java() {
    if [ -n "${JAVA_HOME:-}" ]; then
        java=$JAVA_HOME/bin/java
        [ -x "$java" ] || fail 3 "no java: JAVA_HOME=$JAVA_HOME has no bin/java"
    else
        java=$(command -v java) || fail 3 "no java found; Java 17 or newer is needed: apt install default-jdk-headless"
    fi
    # Every JDK says its version in a file; asking java itself would cost a JVM start.
    java=$(readlink -f "$java")
    version=
    if [ -r "${java%/bin/java}/release" ]; then
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "${java%/bin/java}/release")
    fi
    if [ -z "$version" ]; then
        version=$("$java" -XshowSettings:properties -version 2>&1 |
            sed -n 's/^ *java.specification.version = \([0-9]*\).*/\1/p')
    fi
    [ "${version:-0}" -ge 17 ] || fail 3 "Java is too old: java=$java, version=${version:-unknown}, expected 17 or newer"
}

# --- Build --------------------------------------------------------------------------------------------------------------------

is_current() {
    [ -e "$apps/current/stamp" ] || return 1
    changed=$(find "$root"/pom.xml "$root"/.mvn "$root"/lol "$root"/*/pom.xml "$root"/*/src/main \
        -newer "$apps/current/stamp" -print -quit 2>/dev/null)
    [ -z "$changed" ]
}

# Shows Maven's progress, module by module: one line that redraws itself on a terminal, a line per module elsewhere.
show_progress() {
    if [ -t 2 ]; then
        start='\r\033[K' end=''
    else
        start='' end='\n'
    fi
    # shellcheck disable=SC2059 # the formats above are ours
    while IFS= read -r line; do
        case $line in
            *"Building "*"["*/*"]")
                line=${line#*Building }
                set -f
                # shellcheck disable=SC2086 # split on purpose
                set -- $line
                set +f
                printf "${start}lol: building %s %s${end}" "$1" "$3" >&2
                ;;
            *"Downloaded from "*)
                [ -t 2 ] && printf "${start}lol: fetched %s" "${line##*/}" >&2
                ;;
        esac
    done
    [ -t 2 ] && printf '\r\033[K' >&2
    return 0
}

build() {
    mvn=$(command -v mvn) || fail 3 "no mvn found; Maven is needed to build: apt install maven"
    [ -x "${java%/bin/java}/bin/javac" ] ||
        fail 3 "no javac beside java=$java; a JDK is needed to build: apt install default-jdk-headless"
    command -v flock >/dev/null || fail 3 "no flock found: apt install util-linux"
    mkdir -p "$root/target" || exit 3
    exec 9>"$root/target/build.lock"
    if ! flock -n 9; then
        echo "lol: waiting for another build to end" >&2
        flock 9
    fi
    if is_current; then # the other one built what we need
        exec 9>&-
        return
    fi
    [ -e "$apps/current/stamp" ] || echo "lol: first build; it takes a minute or two (log: $build_log)" >&2
    new=$apps/$(date +%Y%m%d-%H%M%S)-$$
    mkdir -p "$new" || exit 3
    touch "$new/stamp" # sources changed while Maven runs are newer than this
    # The lock must not leak into what Maven starts and leaves running.
    {
        (cd "$root" && JAVA_HOME=${java%/bin/java} "$mvn" -B -Dstyle.color=never -Pquick -Dmaven.test.skip=true package 2>&1)
        echo $? >"$new/maven-status"
    } 9>&- </dev/null | tee "$build_log" | show_progress 9>&-
    if [ "$(cat "$new/maven-status")" != 0 ]; then
        grep -E '^\[(ERROR|WARNING)\] (/|Failed|.*annot)' "$build_log" | head -n 20 >&2
        rm -rf "$new"
        fail 70 "the build failed: log=$build_log"
    fi
    cp -r "$root"/lol-vmm/target/quick/lol-vmm.jar "$root"/lol-vmm/target/quick/lib "$new"/ || fail 70 "cannot copy the build: to=$new"
    finish_app "$new"
    ln -sfn "${new##*/}" "$apps/current.new" && mv -T "$apps/current.new" "$apps/current"
    # A running monitor may still use the build it was started with, so the last few stay.
    find "$apps" -mindepth 1 -maxdepth 1 -type d | sort | head -n -4 | while IFS= read -r old; do rm -rf "$old"; done
    exec 9>&-
}

# --- Run ----------------------------------------------------------------------------------------------------------------------

# One compiler tier, the serial collector and a small heap: the monitor is short of time at the start and of memory always.
# docs/performance.md has the measurements.
main=org.linuxonlinux.vmm.cli.Main
jvm_options="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xms64m -Xmx192m -Xss512k"

class_path() {
    class_path=$1/lol-vmm.jar
    for jar in "$1"/lib/*.jar; do
        class_path=$class_path:$jar
    done
}

# Writes manual pages and completion, and a file with the loaded form of the classes a boot needs, which the JVM maps at each start
# (docs/decisions/002-start-up.md). The classes: those this run loads, and those of a whole boot as listed in the sources.
finish_app() {
    class_path "$1"
    # shellcheck disable=SC2086
    {
        "$java" $jvm_options -Xshare:off -XX:DumpLoadedClassList="$1/loaded.lst" -cp "$class_path" $main generate-docs "$1/share"
        # Without lambdas: JDK 17 takes one archived proxy for all lambdas of the same shape in a class.
        sed '/^@lambda-proxy/d; s/ id: .*//' "$1/loaded.lst" "$root/lol-vmm/src/main/cds/boot-classes.lst" | awk '!seen[$0]++' >"$1/classes.lst"
        "$java" $jvm_options -Xshare:dump -XX:SharedClassListFile="$1/classes.lst" -XX:SharedArchiveFile="$1/classes.jsa" \
            -cp "$class_path"
    } >>"$build_log" 2>&1 </dev/null 9>&-
    [ -e "$1/classes.jsa" ] || echo "lol: no class archive, starts will be slower: log=$build_log" >&2
}

find_java
# From Java 24 on, the library that makes host calls draws warnings otherwise.
[ "$version" -lt 24 ] ||
    jvm_options="$jvm_options --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow"
if [ -n "${LOL_APP:-}" ]; then
    app=$LOL_APP
else
    is_current || build
    app=$(readlink -f "$apps/current")
fi

class_path "$app"
saved_terminal=
[ -t 0 ] && saved_terminal=$(stty -g <&0 2>/dev/null)

LOL_LAUNCHER_PID=$$ # the monitor ends when we do
export LOL_LAUNCHER_PID
jvm=
# shellcheck disable=SC2317 # called by the traps below
forward() {
    signal=$1
    [ -n "$jvm" ] && kill -"$signal" "$jvm" 2>/dev/null
}
trap 'forward TERM' TERM INT # a background job of sh ignores INT
trap 'forward HUP' HUP

exec 3<&0 # a background job of dash has /dev/null for descriptor 0, whatever "<&0" says
archive=
[ -e "$app/classes.jsa" ] && archive=-XX:SharedArchiveFile=$app/classes.jsa
# shellcheck disable=SC2086
"$java" $jvm_options ${archive:+"$archive"} ${HOME:+-Duser.home="$HOME"} ${LOL_JAVA_OPTIONS:-} -cp "$class_path" $main "$@" <&3 3<&- &
jvm=$!
while :; do
    wait "$jvm"
    status=$?
    # A trapped signal ends wait early; the JVM may still be busy.
    kill -0 "$jvm" 2>/dev/null || break
done

trap '' TTOU
[ -n "$saved_terminal" ] && stty "$saved_terminal" <&0 2>/dev/null
exit "$status"
