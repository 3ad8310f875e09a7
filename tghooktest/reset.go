package tghooktest

// Reset makes all bots of the Server as they were at the start: without chats, users, updates,
// calls, refused replies and faults, and with the warnings yet to come. What a User, a Chat or
// a Message from before does is an error then.
//
// The bots stay, and so do their webhooks, their allowed_updates and the Server's time. A bot
// in another process sets its webhook when it starts, and does not hear of a Reset.
func (s *Server) Reset() {
	for _, one := range s.bots.list() {
		one.reset()
	}
	s.watchers.tell(Event{Kind: EventReset})
}

func (s *Server) reset() {
	s.changing <- struct{}{}
	delivers := s.sender != nil
	s.silence() // without s.mu, because deliveries lock it when they end
	s.queue.Clear()
	s.world.Reset()
	s.calls.clear()
	s.refusals.clear()
	s.faults.clear()
	s.warnings.clear()
	s.moved.ring()
	<-s.changing
	if delivers {
		s.resume()
	}
}
