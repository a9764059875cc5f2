"""Content-addressed blobs, trees and Parquet snapshots."""
