package api

// Watching is how many live inspectors are open.
func (s *Server) Watching() int { return len(s.streams) }
