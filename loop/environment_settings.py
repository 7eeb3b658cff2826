"""Settings that have one environment variable each."""

from __future__ import annotations

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class EnvironmentSettings(BaseSettings):
    """Settings of which each has a variable: its alias, or `LOOP_` and its name in capitals."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="LOOP_", populate_by_name=True, extra="ignore", allow_inf_nan=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings passes them by name)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the values that the constructor gets."""
        return (init_settings,)

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Map each field name to its environment variable."""
        return {name: field.alias or f"LOOP_{name.upper()}" for name, field in cls.model_fields.items()}

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables, for a child process."""
        values = {variable: getattr(self, name) for name, variable in self.variables().items()}
        return {variable: "" if value is None else str(value) for variable, value in values.items()}
