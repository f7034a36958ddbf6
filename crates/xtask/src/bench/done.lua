
-- One line for the program that has started this: see load.rs.
function done(summary, latency)
   local errors = summary.errors
   local broken = errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
      broken + errors.status, latency:percentile(50), latency:percentile(99)))
end
