import os

import segment.analytics as analytics

analytics.write_key = os.environ["WRITE_KEY"]
analytics.host = os.environ["ENDPOINT"]
analytics.gzip = os.environ.get("GZIP") == "1"
analytics.on_error = lambda error, items: print(error)
analytics.identify("u1", {"email": "ada@shop.example"})
analytics.track("u1", "Order Completed", {"total": 12.5})
analytics.page("u1", None, "Home")
analytics.group("u1", "g1")
analytics.alias("u1", "u2")
analytics.shutdown()
