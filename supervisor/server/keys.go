package server

// SetKeys makes these the only clients that may connect over TCP with keys;
// connections that exist stay.
func (s *Server) SetKeys(before, after map[string]bool) error {
	for key := range after {
		if !before[key] {
			if err := s.loop.AllowKey(key); err != nil {
				return err
			}
		}
	}
	for key := range before {
		if !after[key] {
			if err := s.loop.RevokeKey(key); err != nil {
				return err
			}
		}
	}
	return nil
}
