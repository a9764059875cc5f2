-- Points arrive by way of the writer now, which recognises series by itself.
DROP VIEW IF EXISTS series_wanted_from_arrivals;
DROP VIEW IF EXISTS metric_points_from_arrivals;
DROP TABLE IF EXISTS series_wanted;
DROP TABLE IF EXISTS metric_arrivals;
