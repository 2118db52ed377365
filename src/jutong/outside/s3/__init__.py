"""Buckets that speak S3 (MinIO, Ceph, OBS, COS, OSS …)."""

from jutong.outside.s3.bucket import Bucket

__all__ = ["Bucket"]
