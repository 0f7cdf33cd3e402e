"""Attribution methods behind one interface: which training labels speak for a prediction, and which against it?"""
