"""How suspicious is each training label? Scores for finding wrong labels, in which high always means suspicious."""
