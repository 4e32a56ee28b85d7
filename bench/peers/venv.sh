# Each run.sh sources this file in the folder of its peer: it exports the settings and activates the virtual environment.
: "${DATABASE_URL:?set DATABASE_URL}"
export PORT="${PORT:-8000}" WORKERS="${WORKERS:-1}" JWT_SECRET="${JWT_SECRET:-bench-secret-of-at-least-32-bytes-long!!}"
export PYTHONPATH="$PWD/../common" PYTHONDONTWRITEBYTECODE=1
venv=${PEERS_DIR:-${TMPDIR:-/tmp}/peers}/venvs/$(basename "$PWD")
[ -x "$venv/bin/python" ] || { echo "run setup.sh first" >&2; exit 1; }
export PATH="$venv/bin:$PATH"
