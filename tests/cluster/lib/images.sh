# Small images: busybox and a command, made with crane, pushed to a cluster's registry. The same content gives the same
# digests each time, so a second push moves no tag.

pack() { # folder, archive
  tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$2" .
}

# image NAME:TAG 'shell script': two layers, busybox and the script.
image() {
  local crane reference="$registry/$1" folder=$work/${1//[\/:]/-}
  crane="$(tools_dir)/crane"
  mkdir -p "$folder/bin"
  printf '%s\n' "$2" >"$folder/bin/run"
  pack "$folder" "$folder.tar"
  "$crane" --insecure append --new_layer "$work/layer.tar" --new_layer "$folder.tar" --new_tag "$reference" \
    --oci-empty-base >/dev/null 2>&1 || fail "cannot push $reference to the registry"
  "$crane" --insecure mutate "$reference" --tag "$reference" --set-platform linux/amd64 \
    --env PATH=/bin --entrypoint /bin/sh,/bin/run --workdir / >/dev/null 2>&1 ||
    fail "cannot set the command of $reference"
}

# The content that every image holds: busybox by each of its names that is used.
make_layer() {
  local root=$work/root name
  mkdir -p "$root/bin" "$root/www" "$root/tmp"
  if command -v busybox >/dev/null; then
    cp "$(command -v busybox)" "$root/bin/busybox"
  else
    say "there is no busybox (Debian's busybox-static): the images hold no program, which only simulated nodes can run"
  fi
  for name in sh sleep httpd cat echo test nc wget date hostname true false; do ln -sf busybox "$root/bin/$name"; done
  echo ok >"$root/www/ready"
  pack "$root" "$work/layer.tar"
}

serve='exec httpd -f -p 8080 -h /www'

push() { image "$@" & pushes+=($!); }

push_images() { # registry
  registry=$1
  work=$(mktemp -d)
  pushes=()
  make_layer
  push shop/web:1.0.0 "echo web 1.0.0; $serve"
  push shop/web:1.1.0 "echo web 1.1.0; $serve"
  push shop/api:1.0.0 "echo api 1.0.0; $serve"
  push shop/api:1.1.0 "echo api 1.1.0; $serve"
  push shop/db:1.0.0 "echo db 1.0.0; $serve"
  push shop/migrate:1.0.0 'echo migrated'
  push shop/migrate:1.1.0 'echo migrated again'
  # Beside web in one pod, whose port it must leave alone.
  push shop/metrics:1.0.0 'echo metrics 1.0.0; exec httpd -f -p 9090 -h /www'
  push test/crash:1.0.0 'echo starting; echo "cannot read /etc/app/config: no such file" >&2; exit 3'
  push test/crash-later:1.0.0 'echo starting; httpd -p 8080 -h /www; sleep ${AFTER:-12}; echo "out of ideas" >&2; exit 4'
  push test/sleep:1.0.0 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done'
  push test/pause:1.0.0 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done'
  local pid
  for pid in "${pushes[@]}"; do wait "$pid" || exit 1; done
  rm -rf "$work"
}
