"""The model: a base a weekday, and fewer visitors the more it rains."""

BASE = [120, 110, 135, 128, 150, 210, 0]
LOST_BY_THE_RAIN = 0.02


class Visitors:
    """What MLflow's server asks for predictions."""

    def predict(self, table):
        """Return a number of visitors for each row of `weekday` (0 is Monday) and `rain` (millimetres)."""
        return [visitors(int(day), float(rain)) for day, rain in zip(table["weekday"], table["rain"], strict=True)]


def visitors(weekday, rain):
    """Return the visitors of one day."""
    return round(BASE[weekday] * max(0.0, 1 - LOST_BY_THE_RAIN * rain))


def _load_pyfunc(_):
    """Return the model; MLflow calls it with the path of the model's data, of which this one has none."""
    return Visitors()
