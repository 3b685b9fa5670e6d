# Shared by scripts/: a virtual environment of the project's own, made once and brought up to date when pyproject.toml
# changes, with the versions of constraints.txt. Sourced, not run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"

ensure_venv() { # extras, e.g. embedded,dev
    local stamp
    stamp="$1 $root $(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum)"
    if [ ! -x "$venv/bin/python" ]; then
        python="${PYTHON:-python3}"
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo "waves needs Python 3.11 or newer; set PYTHON to one" >&2
            exit 78
        }
        "$python" -m venv "$venv"
    fi
    if [ "$(cat "$venv/.waves-stamp" 2>/dev/null)" != "$stamp" ]; then
        echo "installing into $venv ..." >&2
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --constraint "$root/constraints.txt" --editable "$root[$1]" >&2
        echo "$stamp" >"$venv/.waves-stamp"
    fi
}

ensure_claude() { # the command line tool that tests talk through; without npm those tests are skipped and say so
    local version=2.1.197 folder="$venv/claude" # the newest that runs on Node 20
    [ "$(cat "$folder/.version" 2>/dev/null)" != "$version" ] || return 0
    command -v npm >/dev/null || return 0
    echo "installing claude $version into $folder ..." >&2
    if npm install --silent --no-audit --no-fund --prefix "$folder" "@anthropic-ai/claude-code@$version" >&2; then
        echo "$version" >"$folder/.version"
    else
        echo "npm cannot install claude here" >&2
    fi
}
