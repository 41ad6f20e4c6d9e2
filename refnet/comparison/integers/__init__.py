"""Integers: what a port does with its accumulators where its codes are not those of the golden's engine."""
