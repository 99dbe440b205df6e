import os

import rudderstack.analytics as rudder

rudder.write_key = os.environ["WRITE_KEY"]
rudder.dataPlaneUrl = os.environ["ENDPOINT"]
rudder.on_error = lambda error, items: print(error)
rudder.identify("u1", {"email": "ada@shop.example"})
rudder.track("u1", "Order Completed", {"total": 12.5})
rudder.page("u1", None, "Home")
rudder.group("u1", "g1")
rudder.alias("u1", "u2")
rudder.shutdown()
