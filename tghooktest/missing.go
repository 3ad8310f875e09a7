package tghooktest

import "github.com/tghook/tghook/tghooktest/internal/world"

// Errors of look-ups and acts that name something that there is not. [errors.Is] finds them in
// the errors of Server.Try too, where an act failed for that reason.
var (
	ErrNoUser    = world.ErrNoUser
	ErrNoChat    = world.ErrNoChat
	ErrNoMessage = world.ErrNoMessage
	ErrNoFile    = world.ErrNoFile
	ErrNoButton  = world.ErrNoButton
)
