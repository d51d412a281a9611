-- Health of SEGLAM's kinds for Argo CD, which takes a kind that it does not know as healthy once it exists.
-- What waits for a person is Suspended: nothing is broken, and nothing will change by waiting.
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not looked at this version yet."}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local stalled = conditions.Stalled
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.reason .. ": " .. stalled.message}
end

-- A revision says whether it passed; whether it is served is its procedure's to say.
local ready = conditions.Ready or conditions.Verified
if ready == nil then
  return {status = "Progressing", message = "The operator is at work."}
end
local message = ready.reason .. ": " .. ready.message
if ready.status == "True" then
  return {status = "Healthy", message = message}
end

-- An import says what the gate found: a refusal needs another version, another policy or another publisher.
if conditions.Ready ~= nil and conditions.Verified ~= nil and conditions.Verified.status == "False" then
  return {status = "Degraded", message = message}
end
local waits_for_a_person = {AwaitingReview = true, Pending = true, Open = true, Doubtful = true}
if waits_for_a_person[ready.reason] then
  return {status = "Suspended", message = message}
end
local needs_an_edit = {
  Failed = true, Invalid = true, NotOwned = true, Overlaps = true, PinNotApproved = true, Quarantined = true,
  Rejected = true, VerificationFailed = true, AuthorUnknown = true, EgressNotBlocked = true,
}
if needs_an_edit[ready.reason] then
  return {status = "Degraded", message = message}
end
return {status = "Progressing", message = message}
