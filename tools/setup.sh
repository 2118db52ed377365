#!/usr/bin/env bash
# Sets up .venv for the product, or for its tests too; quick when nothing has changed.
#   tools/setup.sh product|tests
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?product or tests}
python=${PYTHON:-python3}

lock=requirements.lock
system=()
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本" >&2; exit 1; }
"$python" -c 'import ensurepip' 2>/dev/null || system+=(python3-venv)
if [ "$what" = tests ]; then
  lock=requirements-dev.lock
  command -v chromium >/dev/null || system+=(chromium)
  [ -n "$(fc-list :lang=zh 2>/dev/null | head -n 1)" ] || system+=(fonts-noto-cjk fontconfig)
  [ -x /usr/sbin/mariadbd ] || system+=(mariadb-server)
  command -v java >/dev/null || system+=(default-jre-headless)
  command -v wrk >/dev/null || system+=(wrk)
fi
if [ ${#system[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "安装系统软件包：${system[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${system[@]}" >/dev/null
  elif [[ " ${system[*]} " == *" python3-venv "* ]]; then
    echo "请先安装 python3-venv：sudo apt-get install ${system[*]}" >&2
    exit 1
  else
    echo "缺少系统软件包，相应测试将跳过：${system[*]}" >&2
  fi
fi

stamp=.venv/.$what.stamp
mark=$(cat "$lock" pyproject.toml "$0" | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$mark" ] && exit 0

[ -x .venv/bin/python ] || "$python" -m venv .venv
# uv links packages from its cache within seconds; where it cannot reach an index, pip with its own settings does.
if [ ! -x .venv/bin/uv ]; then
  grep -A 40 '^uv==' "$lock" | awk 'NR == 1 || /^ +--hash/ {print; next} {exit}' > .venv/uv.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt || true
fi
if ! { [ -x .venv/bin/uv ] && .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock"; }; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
fi
if ! { [ -x .venv/bin/uv ] && .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .; }; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
echo "$mark" > "$stamp"
