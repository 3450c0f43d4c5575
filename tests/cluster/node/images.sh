# Small images for a real node: busybox and a command, made with crane, pushed to the loopback registry.

# image NAME:TAG 'shell script': two layers, busybox and the script.
image() {
  local crane reference="$registry/$1"
  crane="$(tools_dir)/crane"
  mkdir -p "$work/script/bin"
  printf '%s\n' "$2" >"$work/script/bin/run"
  tar -C "$work/script" -cf "$work/script.tar" .
  "$crane" --insecure append --new_layer "$work/layer.tar" --new_layer "$work/script.tar" --new_tag "$reference" \
    --oci-empty-base >/dev/null 2>&1 || fail "cannot push $reference to the registry"
  "$crane" --insecure mutate "$reference" --tag "$reference" --set-platform linux/amd64 \
    --env PATH=/bin --entrypoint /bin/sh,/bin/run --workdir / >/dev/null 2>&1 ||
    fail "cannot set the command of $reference"
}

# The content that every image holds: busybox by each of its names that is used.
make_layer() {
  local root=$work/root name
  mkdir -p "$root/bin" "$root/www" "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for name in sh sleep httpd cat echo test nc wget date hostname true false; do ln -sf busybox "$root/bin/$name"; done
  echo ok >"$root/www/ready"
  tar -C "$root" -cf "$work/layer.tar" .
}

serve='exec httpd -f -p 8080 -h /www'

push_images() { # registry
  registry=$1
  work=$(mktemp -d)
  make_layer
  image shop/web:1.0.0 "echo web 1.0.0; $serve"
  image shop/web:1.1.0 "echo web 1.1.0; $serve"
  image shop/api:1.0.0 "echo api 1.0.0; $serve"
  image shop/api:1.1.0 "echo api 1.1.0; $serve"
  image shop/db:1.0.0 "echo db 1.0.0; $serve"
  image shop/migrate:1.0.0 'echo migrated'
  image shop/migrate:1.1.0 'echo migrated again'
  image shop/metrics:1.0.0 "echo metrics 1.0.0; $serve"
  image test/crash:1.0.0 'echo starting; echo "cannot read /etc/app/config: no such file" >&2; exit 3'
  image test/crash-later:1.0.0 'echo starting; httpd -p 8080 -h /www; sleep ${AFTER:-12}; echo "out of ideas" >&2; exit 4'
  image test/sleep:1.0.0 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done'
  image test/pause:1.0.0 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done'
  rm -rf "$work"
}
