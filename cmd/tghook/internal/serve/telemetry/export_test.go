package telemetry

import "time"

// BePatient gives Shutdown a minute, before its first call. A slow machine may need more than the usual
// time to send the last metrics and traces.
func (t *Telemetry) BePatient() { t.endTime = time.Minute }
