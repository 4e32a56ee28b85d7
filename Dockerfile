# The shop as an image: `docker build -t mymechanicshop .`; compose.yaml runs it with PostgreSQL and Redis.
# It runs as a user without a name, writes nothing but to /tmp, and holds no secret: settings come with the environment.
FROM python:3.11-slim AS build
WORKDIR /shop
COPY requirements.txt ./
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile -r requirements.txt
COPY config.py run.py ./
COPY app ./app
# Compiled here once, since a read-only container could not keep what it compiles.
RUN python -m compileall -q -j 0 /venv/lib /shop

FROM python:3.11-slim
WORKDIR /shop
COPY --from=build /venv /venv
COPY --from=build /shop /shop
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 APP_ENV=production HOST=0.0.0.0
USER 10001:10001
EXPOSE 5000
# Whether the process answers, and not whether the database does: a restart of the shop brings no database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 CMD ["python", "-c", \
    "import os, sys, http.client as http; shop = http.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 5000), timeout=4); shop.request('GET', '/health/live'); sys.exit(shop.getresponse().status != 200)"]
CMD ["python", "run.py"]
