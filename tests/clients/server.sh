# A server of one's own, and what the scripts beside this file check of it and of its clients. They source it.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
WHARFINGER=${WHARFINGER:-${CARGO_TARGET_DIR:-$top/target}/release/wharfinger}

# How long anything that is waited for may take.
readonly patience_s=30

work=$(mktemp -d "${TMPDIR:-/tmp}/wharfinger-clients.XXXXXX")
server_pid=
# Other processes that must not outlive the script.
companions=()
server_log=$work/server.log
passed=0

section() { printf '\n-- %s\n' "$*"; }

ok() {
  passed=$((passed + 1))
  printf 'ok    %s\n' "$*"
}

fail() {
  printf 'FAIL  %s\n' "$*" >&2
  exit 1
}

clean_up() {
  local status=$? companion
  trap - EXIT
  for companion in "${companions[@]}"; do
    kill -TERM "$companion" 2>/dev/null || true
    wait "$companion" 2>/dev/null || true
  done
  if [ -n "$server_pid" ]; then
    kill -KILL "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  if [ "$status" -ne 0 ] && [ -s "$server_log" ]; then
    printf '\nThe end of what the server said:\n' >&2
    tail -n 40 "$server_log" >&2
  fi
  rm -rf "$work"
  if [ "$status" -eq 0 ]; then
    printf '\n%d passed, 0 failed\n' "$passed"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
  [ -x "$WHARFINGER" ] || fail "no program at $WHARFINGER: cargo build --release makes it, WHARFINGER names another"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# What is exported for a developer's own server must not change this one.
forget_settings() {
  local name
  for name in $(compgen -e WHARFINGER_ || true); do
    unset "$name"
  done
}

# start_server DATA [COMMAND...]: serves DATA on $port, run by COMMAND, and waits until it is ready.
start_server() {
  local data=$1 deadline
  shift
  "$@" "$WHARFINGER" serve --listen "127.0.0.1:$port" --data "$data" >>"$server_log" 2>&1 &
  server_pid=$!
  deadline=$((SECONDS + patience_s))
  until [ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' "$base/health/instance")" = 200 ]; do
    kill -0 "$server_pid" 2>/dev/null || fail "the server has ended instead of serving"
    [ "$SECONDS" -lt "$deadline" ] || fail "the server is not ready after $patience_s s"
    sleep 0.1
  done
}

# stop_server: SIGTERM, and then an exit code of 0 within the patience.
stop_server() {
  local status=0 deadline=$((SECONDS + patience_s))
  kill -TERM "$server_pid"
  while kill -0 "$server_pid" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the server is still there $patience_s s after SIGTERM"
    sleep 0.1
  done
  wait "$server_pid" || status=$?
  server_pid=
  [ "$status" -eq 0 ] || fail "the server ended with $status after SIGTERM"
}

# request STATUS METHOD PATH [CURL ARGUMENT...]: the answer's body is then in $body, its head in $head.
body=$work/body
head=$work/head
request() {
  local expected=$1 method=$2 path=$3 status
  shift 3
  : >"$body"
  local how=(--request "$method")
  if [ "$method" = HEAD ]; then how=(--head); fi
  status=$(curl -sS --max-time "$patience_s" -o "$body" -D "$head" -w '%{http_code}' "${how[@]}" "$@" "$base$path")
  [ "$status" = "$expected" ] ||
    fail "$method $path: $status instead of $expected: $(head -c 500 "$body")"
}

# api STATUS METHOD PATH [JSON]: a request to Quay's API with the token in $access_token.
api() {
  local expected=$1 method=$2 path=$3
  local with=(-H "Authorization: Bearer $access_token" -H 'Accept: application/json')
  if [ $# -gt 3 ]; then with+=(-H 'Content-Type: application/json' --data "$4"); fi
  request "$expected" "$method" "/api/v1$path" "${with[@]}"
}

# same WHAT ACTUAL EXPECTED: two texts.
same() {
  [ "$2" = "$3" ] || fail "$(printf '%s:\n  is        %s\n  should be %s' "$1" "$2" "$3")"
  ok "$1"
}

# json WHAT FILTER EXPECTED [JQ ARGUMENT...]: what the filter finds in the last answer, and what it should.
json() {
  local what=$1 filter=$2 expected=$3 actual
  shift 3
  actual=$(jq -cS "$@" "$filter" "$body") || fail "$what: the answer is not as expected: $(head -c 500 "$body")"
  same "$what" "$actual" "$(jq -cnS "$@" "$expected")"
}

# member NAME: prints a text of the last answer, which must have it.
member() {
  local text
  text=$(jq -r --arg name "$1" '.[$name] | strings' "$body")
  [ -n "$text" ] || fail "the answer has no $1: $(head -c 500 "$body")"
  printf '%s\n' "$text"
}

# initialize: makes the first user, whose token is then in $access_token.
user='admin'
password=choose-a-good-one
initialize() {
  request 200 POST /api/v1/user/initialize -H 'Content-Type: application/json' \
    --data "{\"username\":\"$user\",\"password\":\"$password\",\"access_token\":true}"
  access_token=$(member access_token)
}

# registry_token SCOPE: prints a token for /v2.
registry_token() {
  request 200 GET /v2/auth --get --user "$user:$password" \
    --data-urlencode "service=127.0.0.1:$port" --data-urlencode "scope=$1"
  member token
}

# delete_manifest REPOSITORY REFERENCE: for clients that don't delete in a registry.
delete_manifest() {
  request 202 DELETE "/v2/$1/manifests/$2" -H "Authorization: Bearer $(registry_token "repository:$1:*")"
}

# gone REPOSITORY REFERENCE: it can't be pulled, or no more.
gone() {
  request 404 GET "/v2/$1/manifests/$2" -H "Authorization: Bearer $(registry_token "repository:$1:pull")"
  ok "$1 has no $2"
}

# digest_at REPOSITORY REFERENCE: prints the digest of what the registry has there.
digest_at() {
  request 200 GET "/v2/$1/manifests/$2" -H "Authorization: Bearer $(registry_token "repository:$1:pull")"
  printf 'sha256:%s\n' "$(sha256sum <"$body" | cut -d' ' -f1)"
}

# make_public REPOSITORY: anyone may pull from it.
make_public() { api 200 POST "/repository/$1/changevisibility" '{"visibility": "public"}'; }

# quietly COMMAND...: it must succeed. What it prints is then in $work/said, and what it remarks in $work/remarked.
quietly() {
  "$@" >"$work/said" 2>"$work/remarked" || fail "$* ended with $?: $(cat "$work/said" "$work/remarked")"
}

# refused WHY COMMAND...: it fails, and says why.
refused() {
  local why=$1
  shift
  if "$@" >"$work/said" 2>"$work/remarked"; then fail "$* should have failed"; fi
  cat "$work/said" "$work/remarked" | grep -qiE "$why" ||
    fail "$* failed, but not as \"$why\": $(cat "$work/said" "$work/remarked")"
}

# forbidden COMMAND...: it fails for want of a right, which each client tells in words of its own.
forbidden() { refused "unauthorized|authentication required|authorization failed|denied" "$@"; }

# image NAME TEXT [ARCH...]: makes $work/NAME, and sets digest_NAME.
image() {
  local name=$1 digest
  shift
  digest=$("$here/make-image" "$work/$name" "$@")
  printf -v "digest_$name" %s "$digest"
}

# same_layouts WHAT ONE OTHER: two OCI layouts have the same blobs.
same_layouts() {
  diff -r "$work/$2/blobs" "$work/$3/blobs" >"$work/difference" || fail "$1: $(cat "$work/difference")"
  ok "$1"
}

# anonymously COMMAND...: as somebody who has never logged in.
anonymously() {
  local -x HOME=$work/nobody DOCKER_CONFIG=$work/nobody REGISTRY_AUTH_FILE=$work/nobody/auth.json
  "$@"
}

forget_settings
port=$(free_port)
registry=127.0.0.1:$port
base=http://$registry

# A developer's own logins and settings of clients are neither used nor changed.
mkdir "$work/home" "$work/nobody"
export HOME=$work/home DOCKER_CONFIG=$work/home/.docker REGISTRY_AUTH_FILE=$work/home/auth.json
