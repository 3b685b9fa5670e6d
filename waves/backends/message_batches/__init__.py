"""The Message Batches API: requests at half the price, handed over together and fetched later."""
