"""What a data source is and how it is reached. Knows neither HTTP nor Prefect."""
