"""Programs that several tests run in processes of their own."""

from __future__ import annotations

HOLD = """
import sys
from beautyspot.db import SQLiteTaskDB
db = SQLiteTaskDB(sys.argv[1])
lease = db.lease(sys.argv[2])
print("held" if lease else "refused", flush=True)
sys.stdin.readline()
lease.release()
print("released", flush=True)
sys.stdin.readline()
"""
