"""Each command as a straight line of calls: read, compute, run. The only room that knows them all."""
