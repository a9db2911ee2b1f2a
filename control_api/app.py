"""The API for people. For now it says whether it lives and whether it can reach its database."""

from fastapi import FastAPI, Response, status
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool


def create_app(engine: Engine) -> FastAPI:
    """Return the application over the control database."""
    app = FastAPI(title="UnMoGrowP control API", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/v1/health/live")
    async def live() -> dict[str, str]:
        """Answer while the process runs."""
        return {"status": "live"}

    @app.get("/v1/health/ready")
    async def ready(response: Response) -> dict[str, str]:
        """Answer 200 while PostgreSQL answers, 503 otherwise."""
        try:
            await run_in_threadpool(_ask, engine)
        except SQLAlchemyError:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            return {"status": "unavailable", "detail": "PostgreSQL does not answer"}
        return {"status": "ready"}

    return app


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
