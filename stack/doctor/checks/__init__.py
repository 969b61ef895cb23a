"""Every check of the doctor, a module a stage; `stack.doctor.checklist` has them in their order."""
