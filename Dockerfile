# The image of every process of Batuta; which one runs is the command (see Procfile).
FROM python:3.13-slim AS requirements

ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.8
COPY requirements.txt .
RUN uv venv /opt/batuta && uv pip install --python /opt/batuta/bin/python --require-hashes -r requirements.txt


FROM python:3.13-slim

ENV PATH=/opt/batuta/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BATUTA_SERVERS=none \
    DJANGO_SETTINGS_MODULE=agency.settings.production
RUN useradd --uid 10001 --create-home batuta && install -d -o batuta -g batuta /srv/batuta/media /var/log/batuta
WORKDIR /srv/batuta
COPY --from=requirements /opt/batuta /opt/batuta
COPY . .
# Static files are named by their content; no secret and no server is needed to collect them.
RUN SECRET_KEY=build ENCRYPTION_KEYS=build DATABASE_URL=postgresql://none/none REDIS_URL=redis://none \
    python manage.py collectstatic --noinput
USER batuta
EXPOSE 8000
CMD ["uvicorn", "agency.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
