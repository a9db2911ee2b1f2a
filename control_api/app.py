"""The API for people; for now it says only whether it lives and reaches its database."""

import asyncio

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Engine, text

from unmogrowp.control.database import session
from unmogrowp.errors import ControlUnavailable


def create_app(engine: Engine) -> FastAPI:
    """Build the application on an engine of the control database."""
    app = FastAPI(title="UnMoGrowP", docs_url=None, redoc_url=None, openapi_url=None)

    def ask() -> bool:
        try:
            with session(engine) as opened:
                return bool(opened.scalar(text("SELECT 1")) == 1)
        except ControlUnavailable:
            return False

    @app.get("/v1/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/v1/health/ready")
    async def ready() -> Response:
        if await asyncio.to_thread(ask):
            return JSONResponse({"status": "ready", "faults": []})
        faults = ["PostgreSQL cannot be reached"]
        return JSONResponse({"status": "not ready", "faults": faults}, status_code=503)

    return app
