package tghooktest

import "time"

// SetPatience changes the default of ServerConfig.Patience, except for Servers in memory.
func SetPatience(d time.Duration) { listeningPatience = d }
