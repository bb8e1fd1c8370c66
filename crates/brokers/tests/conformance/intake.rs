//! What comes in by a broker has its effect once, or is parked with the reason.
